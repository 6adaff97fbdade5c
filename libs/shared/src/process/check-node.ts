// The first import of every app: on an older Node the next ones fail with whatever they miss first. apps/local/check-node.cjs
// is the same for what runs before there is a build.

/** As `engines` of package.json has it. */
export const LEAST_NODE = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
  process.stderr.write(`Audit Query needs Node ${LEAST_NODE.join('.')} or later; this is ${process.version}.\n`);
  process.exit(1);
}
