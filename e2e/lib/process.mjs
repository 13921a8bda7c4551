// Starts and stops the programs of a run: every one logs to a file, is awaited by asking it, and is stopped by its own id.
import { spawn, execFile } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A port of 127.0.0.1 that nobody listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Asks `ready` until it gives something true; fails at the deadline with the last reason. */
export async function poll(what, ready, deadlineMs = 20_000, pauseMs = 25) {
  const end = Date.now() + deadlineMs;
  let last = 'never answered';
  for (;;) {
    try {
      const value = await ready();
      if (value) return value;
    } catch (error) {
      last = error.cause?.message ?? error.message;
    }
    if (Date.now() > end) throw new Error(`${what} was not ready after ${deadlineMs} ms: ${last}`);
    await pause(pauseMs);
  }
}

/** Waits until `url` answers with a status below 500. */
export const answers = (url, deadlineMs) =>
  poll(url, async () => (await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(2_000) })).status < 500, deadlineMs);

/** A group of programs that live together: `stop` ends all of them. */
export class Programs {
  #running = [];

  constructor(logDirectory) {
    this.logDirectory = logDirectory;
    mkdirSync(logDirectory, { recursive: true });
  }

  /** Starts `command`; its output goes to `<logs>/<name>.log`. */
  start(name, command, args, { env = {}, cwd, stdin = 'ignore' } = {}) {
    const path = `${this.logDirectory}/${name}.log`;
    mkdirSync(dirname(path), { recursive: true });
    const log = createWriteStream(path, { flags: 'a' });
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: [stdin, 'pipe', 'pipe'], detached: true });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const program = { name, child, path, exited: null };
    child.once('error', (error) => { program.exited = error.message; });
    child.once('exit', (code, signal) => { program.exited = signal ?? `exit ${code}`; });
    this.#running.push(program);
    return program;
  }

  /** Like `poll`, but a program that has already ended fails at once, with the end of its log. */
  ready(program, ready, deadlineMs) {
    return Promise.race([
      poll(program.name, ready, deadlineMs),
      new Promise((_, reject) => {
        const ended = (reason) => reject(new Error(`${program.name} ended (${reason})\n${tail(program.path)}`));
        if (program.exited) ended(program.exited);
        program.child.once('exit', (code, signal) => ended(signal ?? `exit ${code}`));
        program.child.once('error', (error) => ended(error.message));
      }),
    ]);
  }

  async stop() {
    const running = this.#running.splice(0).filter((program) => program.exited === null);
    await Promise.all(running.map((program) => stopOne(program.child)));
  }
}

/** Stops one program of a group before the others. */
export const stopped = ({ child, exited }) => (exited === null ? stopOne(child) : undefined);

async function stopOne(child) {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const signal = (name) => { try { process.kill(-child.pid, name); } catch { /* it has just ended */ } };
  signal('SIGTERM');
  const force = setTimeout(() => signal('SIGKILL'), 5_000);
  await gone;
  clearTimeout(force);
}

/** The last lines of a log file. */
export function tail(path, lines = 15) {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}

/** Runs a command to its end. Gives `{ code, stdout, stderr }`; a time limit is an error. */
export function run(command, args, { env = {}, cwd, timeoutMs = 60_000, input } = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 << 20 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(new Error(`${command}: ${error.killed ? `over ${timeoutMs} ms` : error.message}\n${stderr}`));
      else resolve({ code: error?.code ?? 0, stdout, stderr });
    });
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input ?? '');
  });
}
