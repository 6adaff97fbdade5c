import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { GetPurgeOperation } from '../../openapi/operator-operations';
import { type PurgeDocument, Purges } from './purges';

@Controller('operator/purges')
export class PurgesController {
  constructor(private readonly purges: Purges) {}

  @Get(':id')
  @GetPurgeOperation()
  async read(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<PurgeDocument> {
    const purge = await this.purges.read(id);
    if (purge.finishedAt === null) void reply.header('Retry-After', 1);
    return purge;
  }
}
