import { ApiProperty } from '@nestjs/swagger';

export class ParkedTextBody {
  @ApiProperty({ type: 'integer' })
  text_id!: number;
  reason!: string;
  @ApiProperty({ type: 'integer' })
  attempts!: number;
  failed_at!: string;
}

export class SearchStatusBody {
  /** Model that texts are embedded with. */
  model!: string;
  @ApiProperty({ type: 'integer' })
  dimensions!: number;
  /** Model that answers now: another one while this one is being filled; `null` when none has vectors. */
  active_model!: string | null;
  /** Texts that can be found by meaning, once they have a vector. */
  @ApiProperty({ type: 'integer' })
  texts!: number;
  @ApiProperty({ type: 'integer' })
  vectors!: number;
  /** Texts that wait for their vector. */
  @ApiProperty({ type: 'integer' })
  backlog!: number;
  /** Entries of the log that have not been looked at for texts yet. */
  @ApiProperty({ type: 'integer' })
  lag!: number;
  /** Whether searches by meaning are answered by words alone. */
  degraded!: boolean;
  /** Texts that the model would not take: how many, and the first hundred with the reason. */
  @ApiProperty({ type: 'integer' })
  parked_count!: number;
  parked!: ParkedTextBody[];
}

export class RetriedBody {
  /** Texts that were put back into the backlog. */
  @ApiProperty({ type: 'integer' })
  retried!: number;
}
