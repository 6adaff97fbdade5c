// Loaded before anything else (`node --require`), by every version of Node that people have: no syntax of after 2009.
'use strict';

var required = /(\d+)\.(\d+)/.exec(require('../../package.json').engines.node);
var own = process.versions.node.split('.');

if (+own[0] < +required[1] || (+own[0] === +required[1] && +own[1] < +required[2])) {
  console.error('Audit Query needs Node ' + required[0] + ' or later; this is ' + process.version + '.');
  process.exit(1);
}
