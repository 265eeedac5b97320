import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString, MaxLength, MinLength } from 'class-validator';
import { OPERATION_STATUSES, type OperationStatus } from '#operations';
import { MayBeLeftOut } from './http/optional.js';

export class JobRunBody {
  operation_id!: string;
  /** `interrupted`: the worker is gone; another one begins it again. */
  @ApiProperty({ enum: OPERATION_STATUSES })
  status!: OperationStatus;
  started_at!: string;
  finished_at!: string | null;
}

export class JobBody {
  name!: string;
  /** What it does. */
  description!: string;
  /** Five cron fields, in UTC: minute, hour, day of month, month, day of week. */
  schedule!: string;
  /** How it is where nobody changes it. */
  default_schedule!: string;
  enabled!: boolean;
  /** Who changed schedule or switch last. */
  changed_by!: string | null;
  changed_at!: string | null;
  /** `null` while it is switched off. */
  next_run_at!: string | null;
  @ApiProperty({ type: JobRunBody, nullable: true })
  last_run!: JobRunBody | null;
  last_success_at!: string | null;
}

export class ConfigureJobBody {
  /** Five cron fields, in UTC; for instance `30 3 * * *`. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  schedule?: string;

  @MayBeLeftOut()
  @IsBoolean()
  enabled?: boolean;
}

export class RunJobBody {
  /** Tell what would be done, and do nothing. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;
}
