import { isLocalTrial } from './is-local-trial';

/** Whether a vault may be reached by this URL: https, or a stand-in's http. */
export function isSafeUrl(url: string, nodeEnv: string): boolean {
  return URL.canParse(url) && (new URL(url).protocol === 'https:' || isLocalTrial(url, nodeEnv));
}
