import { ApiProperty } from '@nestjs/swagger';
import { ANY_OBJECT } from './http/schemas.js';

export class LivenessBody {
  @ApiProperty({ enum: ['ok'] })
  status!: 'ok';
}

export class ReadinessBody {
  @ApiProperty({ enum: ['ok', 'draining', 'failed'] })
  status!: 'ok' | 'draining' | 'failed';
  /** Why not. */
  reasons!: string[];
}

export class PartBody {
  @ApiProperty({ enum: ['ok', 'degraded', 'failed'] })
  status!: 'ok' | 'degraded' | 'failed';
  /** Why, where it is not ok. */
  reason?: string;
  @ApiProperty(ANY_OBJECT)
  details!: Record<string, unknown>;
}

export class HealthBody {
  @ApiProperty({ enum: ['ok', 'degraded', 'failed', 'draining'] })
  status!: 'ok' | 'degraded' | 'failed' | 'draining';
  version!: string;
  uptime_seconds!: number;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/PartBody' } })
  parts!: Record<string, PartBody>;
}
