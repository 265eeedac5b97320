import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { databaseReport, type House } from '#assembly';
import { DatabaseBody } from './database.dto.js';
import { HOUSE } from './health.controller.js';

@ApiTags('Admin')
@Controller('v1/admin/database')
export class DatabaseController {
  constructor(@Inject(HOUSE) private readonly house: House) {}

  /** What the database holds, whether each table can be read, and which indexes answer the questions of every day. */
  @Get()
  report(): DatabaseBody {
    return databaseReport(this.house.db.path);
  }
}
