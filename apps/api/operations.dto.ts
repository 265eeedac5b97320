import { ApiProperty } from '@nestjs/swagger';

export class OperationProgress {
  @ApiProperty({ type: 'integer' })
  done!: number;
  @ApiProperty({ type: 'integer' })
  total!: number;
}

export class OperationBody {
  id!: string;
  /** What is being done. */
  kind!: string;
  @ApiProperty({ enum: ['running', 'succeeded', 'failed'] })
  status!: 'running' | 'succeeded' | 'failed';
  progress!: OperationProgress;
  /** What came of it; `null` until it has succeeded. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  result!: object | null;
  /** Why it failed. */
  error!: string | null;
  started_at!: string;
  finished_at!: string | null;
}
