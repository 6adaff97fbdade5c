import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Reference {
  $ref: string;
}

interface Answer {
  headers: Record<string, { required?: boolean; schema: object }>;
  content?: Record<string, unknown>;
  /** The codes of an error; its schema is the same in all responses. */
  'x-codes'?: string[];
}

interface Operation {
  responses: Record<string, Answer | undefined>;
  /** The forms beside JSON that every answer can have, but for 406. */
  'x-other-forms'?: Record<string, unknown>;
}

interface OpenApi {
  /** Headers that any answer may have. */
  'x-common-headers'?: Answer['headers'];
  paths: Record<string, Record<string, Operation | undefined>>;
}

/** Headers of the transport, which the document does not describe. */
const HEADERS_OF_THE_TRANSPORT = new Set(
  'connection,content-length,content-type,date,keep-alive,transfer-encoding'.split(','),
);

/** Answers of no operation, and their statuses. */
const ELSEWHERE = { 'x-options': 204, 'x-other-methods': 405, 'x-other-paths': 404 };

const FILES = ['openapi.json', 'openapi.operator.json'] as const;

const documents = new Map(FILES.map((file) => [file as string, JSON.parse(readFileSync(file, 'utf8')) as OpenApi]));
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
for (const [file, document] of documents) ajv.addSchema(document, file);

/**
 * `fetch` that checks each answer. Throws if a status, header, content type or member is not in `openapi.json`, or if a
 * required one is missing, or if a problem has a code that its response does not list. An undocumented event fails its stream.
 */
export function checkedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  return fetchAndCheck('openapi.json', new Request(input, init));
}

/** Like `checkedFetch`, for the operators' listener and `openapi.operator.json`. */
export function checkedOperatorFetch(input: string | URL, init?: RequestInit): Promise<Response> {
  return fetchAndCheck('openapi.operator.json', new Request(input, init));
}

async function fetchAndCheck(file: (typeof FILES)[number], request: Request): Promise<Response> {
  const answer = await fetch(request);
  const { pathname } = new URL(request.url);
  const pointer = findAnswer(file, request, pathname, answer.status);
  const elsewhere = ELSEWHERE[pointer.split('/').at(-1) as keyof typeof ELSEWHERE] ?? answer.status;
  const documented = elsewhere === answer.status ? (resolve(pointer) as Answer | undefined) : undefined;
  const problems = documented === undefined ? ['the status'] : await findProblems(request, answer, documented, pointer);
  if (problems.length > 0) {
    throw new Error(`${request.method} ${pathname} ${answer.status} is not as documented: ${problems.join('; ')}`);
  }
  return isStream(answer) ? checkEvents(answer) : answer;
}

/** The router matches no path with an invalid percent-encoding. */
function isDecodable(pathname: string): boolean {
  try {
    decodeURIComponent(pathname);
    return true;
  } catch {
    // URIError: an invalid encoding.
    return false;
  }
}

/** The JSON pointer of the answer, which may not exist in the document. */
function findAnswer(file: string, { method }: Request, pathname: string, status: number): string {
  const paths = documents.get(file)?.paths ?? {};
  const path = isDecodable(pathname)
    ? Object.keys(paths).find((template) => toPattern(template).test(pathname))
    : undefined;
  if (path === undefined) return `${file}#/x-other-paths`;
  const item = `${file}#/paths/${escape(path)}`;
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  // A GET with an effect has no HEAD.
  const isRefusedHead = method === 'HEAD' && status === 405;
  if (paths[path]?.[verb] !== undefined && !isRefusedHead) return `${item}/${verb}/responses/${status}`;
  return `${item}/${method === 'OPTIONS' ? 'x-options' : 'x-other-methods'}`;
}

async function findProblems(request: Request, answer: Response, documented: Answer, pointer: string) {
  const { headers, content, 'x-codes': codes } = documented;
  const problems: string[] = [];
  const names = toNames(headers);
  const [file = ''] = pointer.split('#', 1);
  const commonNames = toNames(documents.get(file)?.['x-common-headers'] ?? {});
  for (const [name, value] of answer.headers) {
    const own = names.get(name);
    const place = own === undefined ? `${file}#/x-common-headers` : `${pointer}/headers`;
    const member = own ?? commonNames.get(name);
    if (HEADERS_OF_THE_TRANSPORT.has(name)) continue;
    if (member === undefined) problems.push(`the header ${name}`);
    else problems.push(...check(`${place}/${member}`, 'schema', value, `the header ${name}`));
  }
  for (const [name, member] of names) {
    const { required = false } = resolve(`${pointer}/headers/${member}`) as { required?: boolean };
    if (required && !answer.headers.has(name)) problems.push(`no header ${name}`);
  }
  if (request.method === 'HEAD' || isStream(answer)) return problems;
  const text = await answer.clone().text();
  if (content === undefined) return text === '' ? problems : [...problems, 'a body'];
  const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? '';
  const body: unknown = type.endsWith('json') ? JSON.parse(text) : text;
  const operation = pointer.replace(/\/responses\/\d+$/, '');
  const isOther = answer.status !== 406 && (resolve(operation) as Operation)['x-other-forms']?.[type] !== undefined;
  if (isOther) return [...problems, ...check(`${operation}/x-other-forms/${escape(type)}`, 'schema', body, 'the body')];
  if (content[type] === undefined) return [...problems, `the content type ${type}`];
  if (type === 'application/problem+json') problems.push(...findWrongCodes(body as Problem, answer.status, codes));
  return [...problems, ...check(`${pointer}/content/${escape(type)}`, 'schema', body, 'the body')];
}

interface Problem {
  status: number;
  code: string;
  error: { code: string };
}

/** Checks what the schema of all problem documents leaves open: the status and the codes of this response. */
function findWrongCodes({ status, code, error }: Problem, expected: number, codes: string[] = []): string[] {
  const problems = [code, error.code].filter((one) => !codes.includes(one)).map((one) => `the code ${one}`);
  return status === expected ? problems : [...problems, `the member status ${status}`];
}

/** The document's names of headers, by their lower-case names. */
function toNames(headers: Answer['headers']): Map<string, string> {
  return new Map(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
}

function check(pointer: string, member: string, value: unknown, what: string): string[] {
  const place = locate(pointer);
  const { type } = (resolve(`${place}/${member}`) ?? {}) as { type?: string };
  const isValid = ajv.getSchema(encodeURI(`${place}/${member}`));
  if (isValid === undefined) return [`${what} without a schema`];
  if (isValid(type === 'integer' ? Number(value) : value)) return [];
  return [`${what} ${ajv.errorsText(isValid.errors)}`];
}

function checkEvents(answer: Response): Response {
  const decoder = new TextDecoder();
  let rest = '';
  const events = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        const problems =
          data === undefined ? [] : check('openapi.json#/components/schemas', 'Query', JSON.parse(data), 'an event');
        if (problems.length > 0) controller.error(new Error(problems.join('; ')));
      }
      controller.enqueue(chunk);
    },
  });
  return new Response(answer.body?.pipeThrough(events) ?? null, answer);
}

function isStream(answer: Response): boolean {
  return answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/** The value at a pointer, with references resolved. */
function resolve(pointer: string): unknown {
  return read(locate(pointer));
}

/** The pointer with the references on its path resolved. */
function locate(pointer: string): string {
  const [root = '', ...steps] = pointer.split('/');
  let place = root;
  for (const step of steps) {
    place = `${place}/${step}`;
    const reference = read(place) as Reference | undefined;
    if (reference?.$ref !== undefined) place = root.slice(0, -1) + reference.$ref;
  }
  return place;
}

function read(pointer: string): unknown {
  const [root = '', ...steps] = pointer.split('/');
  return steps
    .map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'))
    .reduce<unknown>(
      (value, step) => (value as Record<string, unknown> | undefined)?.[step],
      documents.get(root.slice(0, -1)),
    );
}

function escape(step: string): string {
  return step.replace(/~/g, '~0').replace(/\//g, '~1');
}

function toPattern(template: string): RegExp {
  return new RegExp(`^${template.replace(/\./g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
}
