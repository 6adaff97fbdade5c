import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Redis } from 'ioredis';
import { SUBSCRIBER } from '../queue/redis.token';
import { AUTHENTICATOR, type Authenticator } from '../auth/authenticator';
import { ErrorFilter } from './error.filter';
import { HealthController } from './health/health.controller';
import { RequestLimiter } from './queries/request-limits';
import { OriginalController } from './original/original.controller';
import { EventTimes } from './queries/live/event-stream';
import { QueriesController } from './queries/queries.controller';
import { QueryList } from './queries/query-list';
import { QueryResponder } from './queries/query-responder';
import { QueryService } from './queries/query-service';
import { QueryStreams } from './queries/live/query-streams';

interface PublicParts {
  subscriber: Redis;
  authenticator: Authenticator;
  eventTimes: EventTimes;
}

/** Everything that callers can reach, and nothing of what operators can. */
@Module({})
export class PublicModule {
  static register(queue: DynamicModule, { subscriber, authenticator, eventTimes }: PublicParts): DynamicModule {
    return {
      module: PublicModule,
      imports: [queue],
      controllers: [QueriesController, OriginalController, HealthController],
      providers: [
        QueryService,
        QueryList,
        QueryStreams,
        QueryResponder,
        RequestLimiter,
        { provide: SUBSCRIBER, useValue: subscriber },
        { provide: EventTimes, useValue: eventTimes },
        { provide: AUTHENTICATOR, useValue: authenticator },
        { provide: APP_FILTER, useClass: ErrorFilter },
      ],
    };
  }
}
