import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BufferingProxy {
  url: string;
  /** The requested paths with their queries. */
  readonly paths: string[];
  stop(): Promise<void>;
}

/**
 * An HTTP proxy that forwards an answer only when it is complete, so that streams do not work.
 *
 * @param lostAnswers The number of first answers for which it closes the connection instead.
 */
export async function startBufferingProxy(target: string, lostAnswers = 0): Promise<BufferingProxy> {
  const paths: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = '/' } = incoming;
    paths.push(url);
    const forwarded = request(new URL(url, target), { method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => outgoing.destroy());
      answer.on('end', () => {
        if (paths.length <= lostAnswers) outgoing.destroy();
        else outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(chunks));
      });
    });
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
