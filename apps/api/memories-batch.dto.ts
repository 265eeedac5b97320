import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import { MayBeLeftOut } from './http/optional.js';
import { SearchFields } from './memories-search.dto.js';
import { MemoryContentBody } from './memories.dto.js';

class AddressedOperation {
  @IsString()
  @MaxLength(512)
  namespace!: string;

  @IsString()
  @MaxLength(256)
  key!: string;
}

class WriteOperation extends MemoryContentBody {
  @IsIn(['put', 'add'])
  op!: 'put' | 'add';

  @IsString()
  @MaxLength(512)
  namespace!: string;

  @IsString()
  @MaxLength(256)
  key!: string;

  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  updated_by?: string;

  /** Version that the write expects. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  if_match?: number;
}

class DeleteOperation extends AddressedOperation {
  @IsIn(['delete'])
  op!: 'delete';

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  if_match?: number;
}

class GetOperation extends AddressedOperation {
  @IsIn(['get'])
  op!: 'get';

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  version?: number;
}

class ListNamespacesOperation {
  @IsIn(['list_namespaces'])
  op!: 'list_namespaces';

  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  prefix?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  suffix?: string;

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(64)
  max_depth?: number;

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(1000)
  limit: number = 100;
}

class SearchOperation extends SearchFields {
  @IsIn(['search'])
  op!: 'search';
}

/** One operation of a batch, by its `op`. */
export type BatchOperation =
  WriteOperation | DeleteOperation | GetOperation | SearchOperation | ListNamespacesOperation;
const OPERATIONS = [WriteOperation, DeleteOperation, GetOperation, SearchOperation, ListNamespacesOperation];

@ApiExtraModels(...OPERATIONS)
export class BatchMemoriesBody {
  @ApiProperty({
    type: 'array',
    minItems: 1,
    maxItems: 1000,
    items: {
      type: 'object',
      required: ['op'],
      properties: { op: { type: 'string', enum: ['put', 'add', 'delete', 'get', 'search', 'list_namespaces'] } },
      discriminator: {
        propertyName: 'op',
        mapping: {
          put: getSchemaPath(WriteOperation),
          add: getSchemaPath(WriteOperation),
          delete: getSchemaPath(DeleteOperation),
          get: getSchemaPath(GetOperation),
          search: getSchemaPath(SearchOperation),
          list_namespaces: getSchemaPath(ListNamespacesOperation),
        },
      },
      oneOf: OPERATIONS.map((operation) => ({ $ref: getSchemaPath(operation) })),
    },
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  operations!: BatchOperation[];
}

export class BatchResultBody {
  /** For each operation: the memory written or read, `null`, or a page of namespaces. */
  @ApiProperty({ type: 'array', items: {} })
  results!: unknown[];
}
