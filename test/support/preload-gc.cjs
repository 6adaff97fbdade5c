// Collects garbage all the time in the process that loads it, so that an object without a reference is gone at once.
const { setInterval } = require('node:timers');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc'), 100).unref();
