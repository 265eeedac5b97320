import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString, MaxLength, MinLength } from 'class-validator';
import { MayBeLeftOut } from './http/optional.js';
import { OperationBody } from './operations.dto.js';

/** One of `user_id`, `session_id` and `namespace_prefix`. */
export class EraseBody {
  /** Its sessions, the namespace `user:<id>`, what it did itself, and what was made of any of it. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  user_id?: string;

  /** The session with its namespace, tasks, contexts and forks, and what was made of it. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string;

  /** Whole segments, at least two: `user:alice:travel`. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  namespace_prefix?: string;

  /** Stays in the log, for auditors; it must not name the subject. */
  @IsString()
  @MinLength(1)
  @MaxLength(1000)
  reason!: string;

  /** Only tell what would go. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run?: boolean;

  /** Also what others have a part in. */
  @MayBeLeftOut()
  @IsBoolean()
  include_shared?: boolean;
}

export class ErasurePlanBody {
  /** A keyed digest of the subject: what names it in the log from now on. */
  subject_ref!: string;
  /** Entries of the log that lose their content. */
  @ApiProperty({ type: 'integer' })
  entries!: number;
  /** Rows of each table that would go. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  counts!: Record<string, number>;
  /** What would go though others have a part in it, too; at most a thousand are named. */
  shared!: string[];
}

export class ErasureBody {
  id!: string;
  @ApiProperty({ enum: ['user', 'session', 'namespace'] })
  subject_kind!: 'user' | 'session' | 'namespace';
  subject_ref!: string;
  reason!: string;
  requested_by!: string;
  requested_at!: string;
  /** Position of the event that ordered it. */
  @ApiProperty({ type: 'integer' })
  position!: number;
  @ApiProperty({ type: 'integer' })
  entries!: number;
  /** Rows that were found, by table. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  counts!: Record<string, number>;
  /** `null`: it is under way. */
  completed_at!: string | null;
  /** Position of the event that says so. */
  @ApiProperty({ type: 'integer', nullable: true })
  completed_position!: number | null;
  /** Rows that were removed, by table. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, nullable: true })
  removed!: Record<string, number> | null;
}

export class ErasingBody {
  dry_run!: boolean;
  /** What would go, of a dry run. */
  plan!: ErasurePlanBody | null;
  /** The work that has begun. */
  operation!: OperationBody | null;
  /** The order, as it was given; of a subject of which nothing is left, its last one. */
  erasure!: ErasureBody | null;
}

export class ErasurePage {
  items!: ErasureBody[];
  next_cursor!: string | null;
}

export class CertificateBody {
  /** What was done, where, and the proofs that the log says so. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  certificate!: object;
  /** The same as a note signed with the key of the log (c2sp.org/signed-note). */
  note!: string;
}
