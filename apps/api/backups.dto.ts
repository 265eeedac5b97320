import { ApiProperty } from '@nestjs/swagger';

export class BackupBody {
  id!: string;
  /** `safety`: taken before a rollback, of the database that was replaced. */
  @ApiProperty({ enum: ['scheduled', 'manual', 'safety'] })
  reason!: 'scheduled' | 'manual' | 'safety';
  created_at!: string;
  /** Of the last entry of its log. */
  @ApiProperty({ type: 'integer' })
  position!: number;
  entry_hash!: string;
  /** Of that entry. */
  time!: string | null;
  @ApiProperty({ type: 'integer' })
  schema_version!: number;
  program_version!: string;
  /** Bytes of the database. */
  @ApiProperty({ type: 'integer' })
  size!: number;
  /** Bytes of what is kept. */
  @ApiProperty({ type: 'integer' })
  packed_size!: number;
  packing!: string;
  /** Of what is kept. */
  sha256!: string;
  /** How long it took, verification included. */
  seconds!: number;
}

export class BackupPage {
  items!: BackupBody[];
  next_cursor!: string | null;
}
