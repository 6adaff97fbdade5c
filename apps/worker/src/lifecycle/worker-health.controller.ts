import { Controller, Get, Header, ServiceUnavailableException } from '@nestjs/common';
import { WorkerHealth } from './worker-health';

/** For the platform's probes. */
@Controller('health')
export class WorkerHealthController {
  constructor(private readonly health: WorkerHealth) {}

  /** Answers as long as the event loop runs. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Whether this process takes queries and can run them. The body has every check. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  async ready(): Promise<object> {
    const health = await this.health.check();
    if (Object.values(health.checks).every((state) => state === 'ok')) return { status: 'ok', ...health };
    throw new ServiceUnavailableException({ status: 'not ready', code: 'NOT_READY', ...health });
  }
}
