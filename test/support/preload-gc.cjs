// Collects garbage continuously in the process that loads it, so that unreferenced objects disappear at once.
const { setInterval } = require('node:timers');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc'), 100).unref();
