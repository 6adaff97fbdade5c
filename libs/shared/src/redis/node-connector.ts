import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { RedisHost } from './redis-url';

/** What a connection that is being closed may take before it is cut; ioredis' own. */
const DISCONNECT_LIMIT_MS = 2_000;

/** Of ioredis' option `Connector`: goes to another of these servers with each attempt. */
export function createNodeConnector(listHosts: () => readonly RedisHost[], tls: ConnectionOptions | undefined) {
  let turn = Math.floor(Math.random() * listHosts().length);
  return class NodeConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_LIMIT_MS);
    }

    override async connect() {
      const hosts = listHosts();
      const place = hosts[turn++ % hosts.length];
      this.connecting = true;
      const stream = tls ? connectTls({ ...place, ...tls }) : connectTcp({ port: 0, ...place });
      this.stream = stream;
      // Where there is no route the error comes before ioredis listens, and would end the process; ioredis reads it from here.
      stream.once('error', (error: Error) => (this.firstError = error));
      return stream;
    }
  };
}
