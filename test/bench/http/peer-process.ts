import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createBareListener } from './bare-listener';
import { createBullStore, createPgBossStore } from './job-store';
import type { PeerName } from './peer';
import { PeerModule } from './peer-module';

/** `node peer-process.js <name> <URL of Redis or PostgreSQL> [key prefix]` */
async function main(name: PeerName, url: string, keyPrefix: string): Promise<void> {
  if (name === 'node') {
    const server = createBareListener(createBullStore(url, keyPrefix)).listen(0, '127.0.0.1', () => {
      console.log(`Listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
    return;
  }
  const app =
    name === 'express'
      ? await NestFactory.create(PeerModule.register(createBullStore(url, keyPrefix)), new ExpressAdapter(), {
          logger: ['error'],
        })
      : await NestFactory.create(PeerModule.register(await createPgBossStore(url)), new FastifyAdapter(), {
          logger: ['error'],
        });
  await app.listen(0, '127.0.0.1');
  console.log(`Listening at ${await app.getUrl()}`);
}

// Its connections need no farewell.
process.once('SIGTERM', () => process.exit(0));
void main(process.argv[2] as PeerName, process.argv[3] ?? '', process.argv[4] ?? '');
