import { describe, expect, it } from 'vitest';
import { refuseCrossSite } from './refuse-cross-site';

const HOST = { host: 'operators.example:3001' };
const OWN = 'http://operators.example:3001';

describe('a request that changes something', () => {
  it.each<[string, Record<string, string>]>([
    ['a program, which says nothing', HOST],
    ['a page of this listener', { ...HOST, origin: OWN, 'sec-fetch-site': 'same-origin' }],
    ['one behind a proxy that ends TLS', { ...HOST, origin: 'https://operators.example:3001' }],
    ['one by an address in other letters', { host: 'Operators.Example:3001', origin: OWN }],
    ['a browser without a page', { ...HOST, 'sec-fetch-site': 'none' }],
  ])('may come from %s', (_name, headers) => {
    expect(() => refuseCrossSite(headers)).not.toThrow();
  });

  it.each<[string, Record<string, string>]>([
    ['another site', { ...HOST, origin: 'https://a.example', 'sec-fetch-site': 'cross-site' }],
    ['one whose browser tells its origin alone', { ...HOST, origin: 'https://a.example' }],
    ['one whose browser tells its site alone', { ...HOST, 'sec-fetch-site': 'cross-site' }],
    ['another port', { ...HOST, origin: 'http://operators.example:3000' }],
    ['a host beside', { ...HOST, 'sec-fetch-site': 'same-site' }],
    ['a sandboxed page', { ...HOST, origin: 'null' }],
    ['an origin that is none', { ...HOST, origin: '' }],
    ['an origin for a name', { ...HOST, origin: 'http://operators.example:3001@a.example' }],
    ['nobody knows where', { ...HOST, 'sec-fetch-site': 'same-origin, cross-site' }],
    ['nobody knows to where', { origin: OWN }],
    ['the same host by plain http', { ...HOST, origin: OWN, 'sec-fetch-site': 'cross-site' }],
    ['an image or a link of another site', { ...HOST, 'sec-fetch-site': 'cross-site' }],
  ])('is refused when it comes from %s', (_name, headers) => {
    expect(() => refuseCrossSite(headers)).toThrow('CROSS_SITE_REQUEST');
  });

  it('may come from a page of an origin that is trusted, whose browser calls that cross-site', () => {
    const headers = { ...HOST, origin: 'https://app.example', 'sec-fetch-site': 'cross-site' };
    expect(() => refuseCrossSite(headers, ['https://app.example'])).not.toThrow();
    expect(() => refuseCrossSite(headers, ['https://app.example:8443'])).toThrow('CROSS_SITE_REQUEST');
  });
});
