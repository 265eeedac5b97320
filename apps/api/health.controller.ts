import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiExtraModels, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { isLoopback } from '#access';
import { lastIntegrityReport, sizeOf, VERSION, type House } from '#assembly';
import { projectionStatus } from '#projections';
import { checkPragmas, defineRead, fileId, sql } from '#storage';
import { HealthBody, LivenessBody, PartBody, ReadinessBody } from './health.dto.js';
import { Draining } from './http/draining.js';

export const HOUSE = Symbol('house');

/** Entries that a projection may be behind before it counts as degraded. */
const LAG_LIMIT = 10_000;

const sqliteVersion = defineRead(
  'health.sqlite',
  (db, _: null): string => db.one<{ version: string }>(sql`SELECT sqlite_version() AS version`)!.version,
);

@ApiTags('Health')
@ApiExtraModels(PartBody)
@Controller()
export class HealthController {
  constructor(
    @Inject(HOUSE) private readonly house: House,
    private readonly draining: Draining,
  ) {}

  /** The process turns its event loop; nothing else is asked. */
  @Get('health/live')
  live(): LivenessBody {
    return { status: 'ok' };
  }

  /** Whether requests should be sent here. */
  @Get('health/ready')
  @ApiServiceUnavailableResponse({ type: ReadinessBody, description: 'Not now, for these reasons.' })
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadinessBody {
    const reasons = Object.entries(this.parts())
      .filter(([, { status }]) => status === 'failed')
      .map(([name, { reason }]) => `${name}: ${reason}`);
    if (this.draining.begun) reasons.unshift('the process was asked to stop');
    if (reasons.length === 0) return { status: 'ok', reasons };
    reply.status(503);
    return { status: this.draining.begun ? 'draining' : 'failed', reasons };
  }

  /** Every part, with reasons. */
  @Get('health')
  @ApiServiceUnavailableResponse({ type: HealthBody, description: 'A part has failed.' })
  health(@Res({ passthrough: true }) reply: FastifyReply): HealthBody {
    const parts = this.parts();
    const statuses = Object.values(parts).map(({ status }) => status);
    const worst = statuses.includes('failed') ? 'failed' : statuses.includes('degraded') ? 'degraded' : 'ok';
    if (worst === 'failed') reply.status(503);
    return {
      status: this.draining.begun ? 'draining' : worst,
      version: VERSION,
      uptime_seconds: Math.round(process.uptime()),
      parts,
    };
  }

  @Get('metrics')
  @ApiExcludeEndpoint()
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.type('text/plain; version=0.0.4; charset=utf-8').send(await this.house.metrics.text());
  }

  private parts(): Record<string, PartBody> {
    return {
      database: part(() => this.database()),
      writer: part(() => this.writer()),
      readers: part(() => this.readers()),
      projections: part(() => this.projections()),
      integrity: part(() => this.integrity()),
      auth: part(() => this.auth()),
    };
  }

  /** Where nobody is asked for a key, that is said: it is for one machine alone. */
  private auth(): PartBody {
    const { ABATHUR_AUTH: auth, HOST } = this.house.config;
    const details = { auth, loopback: isLoopback(HOST) };
    if (auth === 'keys') return { status: 'ok', details };
    return {
      status: 'ok',
      reason: 'nobody is asked for a key: every program on this machine may do everything',
      details,
    };
  }

  private database(): PartBody {
    const { db, reads, config } = this.house;
    const pragmas = checkPragmas(db, config.ABATHUR_DB_SYNCHRONOUS, config.ABATHUR_DB_WAL_AUTOCHECKPOINT);
    const wrong = pragmas.filter(({ ok }) => !ok).map(({ name }) => name);
    const details = {
      file_id: fileId(db.path),
      sqlite: reads.point(sqliteVersion, null),
      size_bytes: sizeOf(db.path),
      wal_bytes: sizeOf(`${db.path}-wal`),
      pragmas: Object.fromEntries(pragmas.map(({ name, value }) => [name, value])),
    };
    if (wrong.length > 0) return { status: 'failed', reason: `pragmas did not take: ${wrong.join(', ')}`, details };
    return { status: 'ok', details };
  }

  private writer(): PartBody {
    const { writer } = this.house;
    const details = { queue_depth: writer.depth };
    if (writer.failure !== undefined) return { status: 'failed', reason: writer.failure.message, details };
    return { status: 'ok', details };
  }

  private readers(): PartBody {
    const status = this.house.pool.status();
    const details = { ...status };
    if (status.waiting > 0) return { status: 'degraded', reason: `${status.waiting} reads wait for a reader`, details };
    return { status: 'ok', details };
  }

  private projections(): PartBody {
    const all = this.house.reads.point(projectionStatus, null);
    const stopped = all.filter(({ status }) => status === 'stopped');
    const late = all.filter(({ lag }) => lag > LAG_LIMIT);
    const details = Object.fromEntries(
      all.map(({ name, mode, position, lag, status }) => [name, { mode, position, lag, status }]),
    );
    if (stopped.length > 0)
      return {
        status: 'degraded',
        reason: stopped.map(({ name, reason }) => `${name}: ${reason}`).join(', '),
        details,
      };
    if (late.length > 0)
      return {
        status: 'degraded',
        reason: late.map(({ name, lag }) => `${name} is ${lag} behind`).join(', '),
        details,
      };
    return { status: 'ok', details };
  }

  /** A flaw is for people to look at: what can be answered goes on being answered. */
  private integrity(): PartBody {
    const { running } = this.house.integrity;
    const last = lastIntegrityReport(this.house.reads);
    if (last === null) return { status: 'ok', details: { running, last_run: null } };
    const flawed = last.checks.filter(({ ok }) => !ok);
    const details = {
      running,
      last_run: last.finished_at,
      position: last.position,
      checks: Object.fromEntries(last.checks.map(({ name, ok, flaw_count }) => [name, { ok, flaw_count }])),
    };
    if (flawed.length === 0) return { status: 'ok', details };
    const reason = flawed
      .map(({ name, flaw_count }) => `the check of ${name} found ${flaw_count} ${flaw_count === 1 ? 'flaw' : 'flaws'}`)
      .join(', ');
    return { status: 'degraded', reason, details };
  }
}

function part(look: () => PartBody): PartBody {
  try {
    return look();
  } catch (error) {
    return { status: 'failed', reason: (error as Error).message, details: {} };
  }
}
