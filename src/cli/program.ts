import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { installation } from './installation.ts';
import { shownBodies } from './shown-bodies.ts';

/** The table of commands. Each one is loaded when it is used, so that `--version` stays quick. */
export function createProgram(): Command {
  const program = new Command('throughline')
    .description(
      'A local proxy for coding agents: forwards every request unchanged and keeps a byte-exact record.',
    )
    .version(installation().version, '-V, --version', 'print the version')
    .option(
      '--config <file>',
      'configuration file; default: $THROUGHLINE_CONFIG, then the user configuration directory',
    )
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'before',
      'Examples:\n  throughline up          start, then: export ANTHROPIC_BASE_URL=http://127.0.0.1:3000\n  throughline tail        watch requests as they end\n',
    )
    .showSuggestionAfterError()
    .exitOverride();
  addServiceCommands(program);
  addReplacingCommands(program);
  addReadingCommands(program);
  addRoutesCommands(program);
  addConfigCommands(program);
  addDatabaseCommands(program);
  addDeriveCommands(program);
  addImportCommand(program);
  addServiceManagerCommands(program);
  return program;
}

function addServiceCommands(program: Command): void {
  const services = [
    ['up', 'run proxy-core, the recorder and proxy-data; the default without a command'],
    ['core', 'run proxy-core alone'],
    ['record', 'run the recorder alone'],
    ['data', 'run proxy-data alone'],
  ] as const;
  for (const [name, description] of services) {
    program
      .command(name)
      .description(description)
      .action(async (_options, command: Command) => {
        const { up } = await import('./up.ts');
        await up(name, command.optsWithGlobals());
      });
  }
  program
    .command('status')
    .description('say what is running and how it is')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { status } = await import('./status.ts');
      await status(command.optsWithGlobals());
    });
  program
    .command('stop')
    .description('end what is running: open requests finish first')
    .option('--now', 'cut open requests')
    .action(async (_options, command: Command) => {
      const { stop } = await import('./stop.ts');
      await stop(command.optsWithGlobals());
    });
}

function addReplacingCommands(program: Command): void {
  const which = () =>
    new Argument('[service]', 'which one').choices(['core', 'record', 'data', 'all']).default('all');
  program
    .command('restart')
    .description('go on in new processes of the same programs, without a gap')
    .addArgument(which())
    .addOption(jsonOption())
    .action(async (service, _options, command: Command) => {
      const { restart } = await import('./replace.ts');
      await restart(service, command.optsWithGlobals());
    });
  program
    .command('reload')
    .description('go on with the configuration as it is now, without a gap')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { reload } = await import('./replace.ts');
      await reload(command.optsWithGlobals());
    });
  program
    .command('upgrade')
    .description('go on with the programs of this installation, newer or older, without a gap')
    .addArgument(
      new Argument('[service]', 'which one')
        .choices(['core', 'record', 'data', 'supervisor', 'all'])
        .default('all'),
    )
    .addOption(jsonOption())
    .action(async (service, _options, command: Command) => {
      const { upgrade } = await import('./replace.ts');
      await upgrade(service, command.optsWithGlobals());
    });
}

function addReadingCommands(program: Command): void {
  program
    .command('tail')
    .description('print one line for each request as it ends, beginning with the last ones')
    .addOption(
      new Option('-n, --lines <count>', 'how many earlier requests').argParser(lineCount).default(10),
    )
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { tail } = await import('./tail.ts');
      await tail(command.optsWithGlobals());
    });
  program
    .command('show')
    .description('show one request')
    .argument('<id>', 'id of the request, or its beginning or end')
    .addOption(new Option('--json', 'print JSON').conflicts('body'))
    .addOption(new Option('--body <side>', 'print the exact bytes of one body').choices(shownBodies))
    .action(async (id: string, _options, command: Command) => {
      const { show } = await import('./show.ts');
      await show(id, command.optsWithGlobals());
    });
  program
    .command('transcripts')
    .description('compare transcripts with what was recorded; exit code 1 when their tokens differ')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { compareTranscripts } = await import('./transcripts.ts');
      await compareTranscripts(command.optsWithGlobals());
    });
}

function addConfigCommands(program: Command): void {
  const config = program.command('config').description('look at the configuration');
  config
    .command('show', { isDefault: true })
    .description('print every key with its value; secrets are left out')
    .option('--origin', 'also say where each value comes from')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { showConfig } = await import('./config.ts');
      await showConfig(command.optsWithGlobals());
    });
  config
    .command('path')
    .description('print which file is read')
    .action(async (_options, command: Command) => {
      const { printConfigPath } = await import('./config.ts');
      await printConfigPath(command.optsWithGlobals());
    });
  config
    .command('validate')
    .description('check the configuration; exit code 5 when it is not valid')
    .action(async (_options, command: Command) => {
      const { validateConfig } = await import('./config.ts');
      await validateConfig(command.optsWithGlobals());
    });
}

function addRoutesCommands(program: Command): void {
  const routes = program.command('routes').description('say where requests go, and why');
  routes
    .command('list', { isDefault: true })
    .description('print the rules in the order in which they are tried')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { listRoutes } = await import('./routes.ts');
      await listRoutes(command.optsWithGlobals());
    });
  routes
    .command('explain')
    .description('say where a request would go and why, without sending one')
    .option('--agent <name>', 'name of the subagent')
    .option('--model <model>', 'the asked model')
    .option('--session <id>', 'session id')
    .option('--tag <tag>', 'tag of the address')
    .option('--class <class>', 'class of the request')
    .option('--path <path>', 'path; default: /v1/messages')
    .option('--tool <name>', 'name of a declared tool')
    .option('--header <name=value...>', 'headers')
    .option('--thinking', 'thinking is on')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { explainRoutes } = await import('./routes.ts');
      await explainRoutes(command.optsWithGlobals());
    });
}

function addDatabaseCommands(program: Command): void {
  const database = program.command('db').description('look after the database');
  database
    .command('info', { isDefault: true })
    .description('print where it is, how large it is and what it holds')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { databaseInfo } = await import('./db-info.ts');
      await databaseInfo(command.optsWithGlobals());
    });
  database
    .command('verify')
    .description('compute every checksum again; exit code 1 when something is damaged')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { verifyDatabase } = await import('./db-verify.ts');
      await verifyDatabase(command.optsWithGlobals());
    });
  database
    .command('backup')
    .description('write a consistent copy while everything runs')
    .argument('<file>', 'where to; must not exist')
    .action(async (file: string, _options, command: Command) => {
      const { backupDatabase } = await import('./db-backup.ts');
      await backupDatabase(file, command.optsWithGlobals());
    });
  database
    .command('prune')
    .description('delete requests that the options describe, after asking; may run while everything runs')
    .option('--older-than <age>', 'received longer ago than this (30d, 12h), or before a time')
    .option('--session <id>', 'of this session')
    .option('--agent <id>', 'of this agent')
    .option('--provider <name>', 'answered by this provider')
    .option('--model <text>', 'that asked for a model whose name contains this')
    .option('--tag <tag>', 'with this tag of the address')
    .option('--bodies', 'only their bodies: everything else about them is kept')
    .option('--dry-run', 'say how many it would be and how large their bodies are, and delete nothing')
    .option('--yes', 'do not ask')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { pruneDatabase } = await import('./db-prune.ts');
      await pruneDatabase(command.optsWithGlobals());
    });
  database
    .command('reset')
    .description('delete the database and the journal; refused while a service runs')
    .option('--yes', 'do not ask; the environment variable FORCE=1 means the same')
    .action(async (_options, command: Command) => {
      const { resetDatabase } = await import('./db-reset.ts');
      await resetDatabase(command.optsWithGlobals());
    });
}

function addDeriveCommands(program: Command): void {
  const derive = program
    .command('derive')
    .description('look after what is computed from the database: statistics, search, conversations');
  derive
    .command('status', { isDefault: true })
    .description('say how far it is, how fast it goes and what is left')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { deriveStatus } = await import('./derive.ts');
      await deriveStatus(command.optsWithGlobals());
    });
  derive
    .command('rebuild')
    .description('compute all of it anew in the background, while what there is serves')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { deriveAnew } = await import('./derive.ts');
      await deriveAnew(command.optsWithGlobals());
    });
}

function addImportCommand(program: Command): void {
  program
    .command('import')
    .description('bring in the history of the system before: its requests.db, which is only read')
    .argument('<file>', 'its database')
    .option('--dry-run', 'say what would be imported, and store nothing')
    .addOption(jsonOption())
    .action(async (file: string, _options, command: Command) => {
      const { importDatabase } = await import('./import.ts');
      await importDatabase(file, command.optsWithGlobals());
    });
}

function addServiceManagerCommands(program: Command): void {
  const service = program
    .command('service')
    .description('let systemd or launchd start Throughline with the machine, for this user');
  service
    .command('install')
    .description('write its units, start it now and with every login')
    .option('--print, --dry-run', 'print what would be written and run, and do nothing')
    .option('--force', 'replace units that have another content')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { installService } = await import('./service/install-service.ts');
      await installService(command.optsWithGlobals());
    });
  service
    .command('uninstall')
    .description('end it and remove what was written')
    .option('--force', 'remove also what was changed since')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { uninstallService } = await import('./service/uninstall-service.ts');
      await uninstallService(command.optsWithGlobals());
    });
  service
    .command('status', { isDefault: true })
    .description('say what is installed, enabled and running')
    .addOption(jsonOption())
    .action(async (_options, command: Command) => {
      const { serviceStatus } = await import('./service/service-status.ts');
      await serviceStatus(command.optsWithGlobals());
    });
}

function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

function lineCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > 1000)
    throw new InvalidArgumentError('It must be a whole number from 0 to 1000.');
  return count;
}
