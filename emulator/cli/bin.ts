#!/usr/bin/env node
// Only what the oldest Node can parse, and no static import: this file must live to say that Node is too old.
const found = process.versions.node.split('.').map(Number)
if (found[0]! < 22 || (found[0] === 22 && found[1]! < 13)) {
  process.stderr.write(
    'offload needs Node 22.13 or newer, and this is Node ' +
      process.versions.node +
      ': get one from https://nodejs.org, or in a checkout use "npm run offload -- ...", which brings its own.\n',
  )
  process.exitCode = 2
} else {
  void import('./main.ts').then((main) => {
    return main.run(process.argv.slice(2))
  })
}
