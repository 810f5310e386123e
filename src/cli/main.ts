if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `Throughline needs Node 24 or newer, this is ${process.version}. Start it with bin/throughline, which finds a fitting one.\n`,
  );
  process.exit(1);
}

// Loaded only now, so that an old Node prints the sentence above instead of a syntax error.
const { runCommandLine } = await import('./command-line.ts');
await runCommandLine(process.argv.slice(2));

export {};
