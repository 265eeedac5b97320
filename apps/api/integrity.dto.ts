import { ApiProperty } from '@nestjs/swagger';
import { CHECKS, type CheckName } from '#assembly';

export class FlawBody {
  /** A table, and the row in it where there is one. */
  where!: string;
  what!: string;
  /** What to do about it. */
  remedy!: string;
}

export class IntegrityCheckBody {
  @ApiProperty({ enum: CHECKS })
  name!: CheckName;
  ok!: boolean;
  /** Rows, entries or words that were looked at. */
  @ApiProperty({ type: 'integer' })
  checked!: number;
  seconds!: number;
  /** How many flaws there are. */
  @ApiProperty({ type: 'integer' })
  flaw_count!: number;
  /** The first of them. */
  flaws!: FlawBody[];
}

export class IntegrityReportBody {
  ok!: boolean;
  /** The end of the log that was looked at: what was written later is not part of this. */
  @ApiProperty({ type: 'integer' })
  position!: number;
  started_at!: string;
  finished_at!: string;
  seconds!: number;
  checks!: IntegrityCheckBody[];
}

export class IntegrityBody {
  /** Whether this process is at it. */
  running!: boolean;
  /** What the last check found, whichever process made it; `null` when there was none yet. */
  last!: IntegrityReportBody | null;
}
