// Scripts the lookups of names in a process that loads this file, with LATE_NAMES (JSON: a list of outcomes by name).
const dns = require('node:dns');

/**
 * Each lookup of a name takes the next outcome of its list: `ok`, or a code such as EAI_AGAIN. After the last one the name
 * resolves to 127.0.0.1.
 *
 * @param {Record<string, string[]>} outcomes The lists; they are emptied.
 * @returns {() => void} Ends it.
 */
function delayNames(outcomes) {
  const { lookup } = dns;
  dns.lookup = (hostname, ...rest) => {
    if (!Object.hasOwn(outcomes, hostname)) return lookup(hostname, ...rest);
    const outcome = outcomes[hostname].shift() ?? 'ok';
    if (outcome === 'ok') return lookup('127.0.0.1', ...rest);
    const error = new Error(`getaddrinfo ${outcome} ${hostname}`);
    process.nextTick(rest.at(-1), Object.assign(error, { code: outcome, syscall: 'getaddrinfo', hostname }));
    return {};
  };
  return () => {
    dns.lookup = lookup;
  };
}

module.exports = { delayNames };
if (process.env.LATE_NAMES) delayNames(JSON.parse(process.env.LATE_NAMES));
