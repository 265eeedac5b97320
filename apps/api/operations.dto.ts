import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsString, MaxLength } from 'class-validator';
import { OPERATION_STATUSES, type OperationStatus } from '#operations';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';

export class OperationProgress {
  @ApiProperty({ type: 'integer' })
  done!: number;
  @ApiProperty({ type: 'integer' })
  total!: number;
}

export class OperationBody {
  /** Also the correlation id of every event that it writes. */
  id!: string;
  /** What is being done. */
  kind!: string;
  /** `interrupted`: the process that did it is gone. */
  @ApiProperty({ enum: OPERATION_STATUSES })
  status!: OperationStatus;
  progress!: OperationProgress;
  /** What came of it; `null` until it has succeeded. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  result!: object | null;
  /** Why it failed. */
  error!: string | null;
  started_at!: string;
  finished_at!: string | null;
}

export class OperationPage {
  items!: OperationBody[];
  next_cursor!: string | null;
}

export class ListOperationsQuery extends PageQuery {
  /** For instance `documents.sync`. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  kind?: string;

  @MayBeLeftOut()
  @IsIn(OPERATION_STATUSES)
  status?: OperationStatus;
}
