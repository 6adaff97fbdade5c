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
import { QueryResponder } from './queries/query-responder';
import { OwnQueries } from './queries/own-queries';
import { QuerySubmissions } from './queries/query-submissions';
import { EventStreams } from './queries/live/event-streams';
import { LiveQueries } from './queries/live/live-queries';
import { LongPolls } from './queries/live/long-polls';

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
        QuerySubmissions,
        OwnQueries,
        LiveQueries,
        LongPolls,
        EventStreams,
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
