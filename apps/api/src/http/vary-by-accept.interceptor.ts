import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { varyBy } from './headers';

/** Adds `Vary: Accept`, also to the errors that pipes throw. */
@Injectable()
export class VaryByAcceptInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    varyBy(context.switchToHttp().getResponse<FastifyReply>(), 'Accept');
    return next.handle();
  }
}
