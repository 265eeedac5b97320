import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsObject, IsString, MaxLength, MinLength } from 'class-validator';
import { DOCUMENT_TYPES, SYNC_STATUSES, type DocumentType, type SyncStatus } from '#documents';
import type { JsonObject } from '#kernel';
import { ANY_OBJECT } from './http/schemas.js';
import { TimeOrPosition } from './http/as-of.js';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';
import { SearchQueryBody } from './http/search-query.dto.js';
import { ScoreDetailsBody } from './memories-search.dto.js';

const MAX_PATH = 1024;

export class PutDocumentBody {
  /** Where it belongs: names joined by `/`. It is a name, no file is read. */
  @IsString()
  @MinLength(1)
  @MaxLength(MAX_PATH)
  file_path!: string;

  /** Markdown, with front matter if it has some. */
  @IsString()
  content!: string;

  /** By default the front matter's, else the first `#` heading, else the file's name. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(500)
  title?: string;

  /** By default the front matter's `document_type` or `type`, else document. */
  @MayBeLeftOut()
  @IsIn(DOCUMENT_TYPES)
  document_type?: DocumentType;

  /** Added to the fields of the front matter. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  metadata?: JsonObject;
}

export class ListDocumentsQuery extends PageQuery {
  @MayBeLeftOut()
  @IsIn(DOCUMENT_TYPES)
  document_type?: DocumentType;

  @MayBeLeftOut()
  @IsIn(SYNC_STATUSES)
  sync_status?: SyncStatus;

  /** How paths begin. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(MAX_PATH)
  path_prefix?: string;

  /** JSON, as in lists of memories. Fields: file_path, title …, `metadata.<path>`; any other name is a path into metadata. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(16384)
  filter?: string;
}

export class SyncDocumentsBody {
  /** A watched directory, or one in it: as a path, or as `file_path` begins. All of them by default. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(4096)
  directory?: string;
}

export class SearchDocumentsBody extends SearchQueryBody {
  @MayBeLeftOut()
  @IsIn(DOCUMENT_TYPES)
  document_type?: DocumentType;

  /** How paths begin. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(MAX_PATH)
  path_prefix?: string;

  /** A log position or an ISO-8601 time: what would have been found then, in documents as they were. */
  @TimeOrPosition()
  as_of?: string | number;
}

export class DocumentBody {
  /** Log position of the event that the document began with. */
  @ApiProperty({ type: 'integer' })
  id!: number;
  file_path!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
  title!: string;
  @ApiProperty({ enum: DOCUMENT_TYPES })
  document_type!: DocumentType;
  /** SHA-256 of what is indexed; `null`: nothing is. */
  content_hash!: string | null;
  /** Bytes of what is indexed. */
  @ApiProperty({ type: 'integer' })
  size!: number;
  @ApiProperty({ type: 'integer' })
  chunk_count!: number;
  /** pending: vectors are missing; failed: see `failure`; stale: its file has changed and was not indexed since. */
  @ApiProperty({ enum: SYNC_STATUSES })
  sync_status!: SyncStatus;
  failure!: string | null;
  @ApiProperty(ANY_OBJECT)
  metadata!: JsonObject;
  /** folder: it was found in a watched directory, and goes when its file goes. */
  @ApiProperty({ enum: ['api', 'folder'] })
  origin!: 'api' | 'folder';
  created_at!: string;
  updated_at!: string;
}

export class DocumentPage {
  items!: DocumentBody[];
  next_cursor!: string | null;
}

export class DocumentHitBody {
  /** Id of the chunk. */
  @ApiProperty({ type: 'integer' })
  id!: number;
  @ApiProperty({ type: 'integer' })
  document_id!: number;
  file_path!: string;
  title!: string;
  @ApiProperty({ enum: DOCUMENT_TYPES })
  document_type!: DocumentType;
  @ApiProperty({ type: 'integer' })
  chunk_index!: number;
  /** Headings above it, outermost first, joined by ` > `. */
  heading!: string;
  /** Part of the chunk around the first word that was asked for. */
  snippet!: string;
  /** 0 to 1, higher is better. */
  score!: number;
  score_details?: ScoreDetailsBody;
}

export class SearchDocumentsResult {
  search_id!: string;
  @ApiProperty({ enum: ['hybrid', 'semantic', 'keyword'] })
  mode!: 'hybrid' | 'semantic' | 'keyword';
  /** Meaning was asked for, but could not be told: words alone answered. */
  degraded!: boolean;
  results!: DocumentHitBody[];
}
