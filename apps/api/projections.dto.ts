import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';
import { MayBeLeftOut } from './http/optional.js';

export class ProjectionBody {
  name!: string;
  @ApiProperty({ enum: ['inline', 'catch-up'] })
  mode!: 'inline' | 'catch-up';
  @ApiProperty({ type: 'integer' })
  position!: number;
  /** Entries of the log that it has not seen yet. */
  @ApiProperty({ type: 'integer' })
  lag!: number;
  /** stopped: at an event that it cannot digest. parked: it went on without some, which wait to be tried again. */
  @ApiProperty({ enum: ['running', 'stopped', 'parked', 'rebuilding'] })
  status!: 'running' | 'stopped' | 'parked' | 'rebuilding';
  /** Why it stopped. */
  reason!: string | null;
  /** Events that it left aside. */
  @ApiProperty({ type: 'integer' })
  parked!: number;
  /** Rows of its tables, counted a few seconds ago. */
  @ApiProperty({ type: 'integer' })
  rows!: number;
}

export class RebuildBody {
  /** Compare only: nothing is exchanged. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run?: boolean;
}

export class ParkedEventBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  type!: string;
  reason!: string;
  @ApiProperty({ type: 'integer' })
  attempts!: number;
  parked_at!: string;
}

export class RetryResult {
  @ApiProperty({ type: 'integer' })
  retried!: number;
  /** How many of them went well. */
  @ApiProperty({ type: 'integer' })
  digested!: number;
}
