import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** The paths of Fastify's route table, as OpenAPI writes them. */
export function listPaths(app: NestFastifyApplication): string[] {
  const lines = app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }).split('\n');
  const steps: string[] = [];
  const paths = lines.map((line) => {
    const [, indent = '', step = ''] = /^((?:[│ ] {3})*)[├└]── (\S+)/.exec(line) ?? [];
    steps.splice(indent.length / 4, Infinity, step);
    return steps.join('').replace(/:(\w+)/g, '{$1}');
  });
  // Without the files of Swagger UI and the routes of CORS preflights.
  return [...new Set(paths)].filter((path) => path !== '' && !/\*|^\/api\/docs\//.test(path));
}
