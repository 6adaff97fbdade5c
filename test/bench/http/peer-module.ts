import {
  Body,
  Controller,
  type DynamicModule,
  Get,
  Header,
  HttpCode,
  Inject,
  Module,
  NotFoundException,
  Param,
  Post,
  ValidationPipe,
} from '@nestjs/common';
import { QueryRequest } from '#shared/contract/query-request';
import { toQueryDocument } from '../../../apps/api/src/queue/query-document';
import type { JobStore } from './job-store';

const JOB_STORE = Symbol('JOB_STORE');

type QueryDocument = ReturnType<typeof toQueryDocument>;

/** The same two endpoints as Nest's documentation would have them: same validation, same document, nothing else. */
@Controller('api/queries')
class PeerController {
  constructor(@Inject(JOB_STORE) private readonly jobs: JobStore) {}

  @Post()
  @HttpCode(202)
  @Header('Retry-After', '1')
  async submit(
    @Body(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true })) request: QueryRequest,
  ): Promise<QueryDocument> {
    return toQueryDocument(await this.jobs.add(request));
  }

  @Get(':id')
  @Header('Retry-After', '1')
  async status(@Param('id') id: string): Promise<QueryDocument> {
    const state = await this.jobs.read(id);
    if (state === undefined) throw new NotFoundException();
    return toQueryDocument(state);
  }
}

@Module({})
export class PeerModule {
  static register(jobs: JobStore): DynamicModule {
    return {
      module: PeerModule,
      controllers: [PeerController],
      providers: [{ provide: JOB_STORE, useValue: jobs }],
    };
  }
}
