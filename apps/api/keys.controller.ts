import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { ApiKeys } from '#access';
import type { House } from '#assembly';
import { isoTime } from '#audit-log';
import { identifier, invalid, type Caller } from '#kernel';
import { HOUSE } from './health.controller.js';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';
import { CreatedKeyBody, CreateKeyBody, KeyBody, KeyPage, ListKeysQuery } from './keys.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/keys')
export class KeysController {
  private readonly keys: ApiKeys;

  constructor(@Inject(HOUSE) { keys }: House) {
    this.keys = keys;
  }

  /** Makes a key. The answer shows it, and nothing shows it again. */
  @Post()
  @HttpCode(201)
  async create(
    @By() by: Caller,
    @Body() body: CreateKeyBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedKeyBody> {
    const { expires_at, name, app, users, projects = {}, role } = body;
    const asked = {
      role,
      name: identifier(name, 'name'),
      app: app === undefined ? undefined : segment(app, 'app'),
      users: users?.map((user, index) => segment(user, `users[${index}]`)),
      projects: Object.fromEntries(
        Object.entries(projects).map(([project, right]) => [segment(project, 'projects'), right]),
      ),
      expires_at: expires_at === 'never' ? null : expires_at && isoTime(expires_at, 'expires_at'),
    };
    return answerWrite(reply, await this.keys.create(by, asked), 201);
  }

  /** Keys, the newest first; never their secrets. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListKeysQuery): Promise<KeyPage> {
    return this.keys.list(by, query);
  }

  /** A key as it can be told. */
  @Get(':id')
  async get(@By() by: Caller, @Param('id') id: string): Promise<KeyBody> {
    return this.keys.get(by, id);
  }

  /** Makes a new key for the same, and lets the old one end a day later, so that both count meanwhile. */
  @Post(':id/rotate')
  @HttpCode(201)
  async rotate(
    @By() by: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedKeyBody> {
    return answerWrite(reply, await this.keys.rotate(by, id), 201);
  }

  /** Revokes a key: from now on it opens nothing, in any process. */
  @Delete(':id')
  @HttpCode(204)
  async revoke(
    @By() by: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerWrite(reply, await this.keys.revoke(by, id), 204);
  }
}

/** A name that stands in namespaces, where `:` would begin another one. */
function segment(text: string, field: string): string {
  const name = identifier(text, field);
  if (name.includes(':'))
    throw invalid(field, `is "${name}", but a name with : in it is none of one app, user or project`);
  return name;
}
