if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `Throughline needs Node 24 or newer, this is ${process.version}. Start it with bin/throughline, which finds a fitting one.\n`,
  );
  process.exit(1);
}

// Everything is loaded only now, so that an old Node prints the sentence above instead of a syntax error.
const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Scripts ask for it often, and the table of commands takes longer to load than the answer.
  const { installation } = await import('./installation.ts');
  process.stdout.write(`${installation().version}\n`);
} else {
  const { runCommandLine } = await import('./command-line.ts');
  await runCommandLine(args);
}

export {};
