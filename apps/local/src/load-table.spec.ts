import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import { retryUnanswered } from './load-table';

describe('retryUnanswered', () => {
  it('gives up after its limit, and names the reason', async () => {
    const cause = Object.assign(new Error('getaddrinfo EAI_AGAIN table'), { code: 'EAI_AGAIN' });
    const policy = retryUnanswered('http://table', () => {}, 0);
    const sending = policy.sendRequest(createPipelineRequest({ url: 'http://table' }), () => Promise.reject(cause));
    await expect(sending).rejects.toMatchObject({
      message: 'No answer at http://table (EAI_AGAIN) for 0 s.',
      cause,
    });
  });
});
