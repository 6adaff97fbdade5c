import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** `GET /api/openapi.json`, and the page at `/api/docs` to try the routes on. */
export function setupDocs(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Audit Query')
    .setDescription('Submit a query, follow `Location`, read the count.')
    .setVersion('1')
    .build();
  SwaggerModule.setup('api/docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'api/openapi.json',
    yamlDocumentUrl: 'api/openapi.yaml',
  });
}
