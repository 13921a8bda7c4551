// A disk that is full: calls are refused, not forwarded unrecorded, and what was recorded is still there.
// A file size limit plays the disk: writes beyond it fail as they do on a full one, for every file of the process.
import { auditTrail, startInstallation } from '../lib/doorward.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { startRecorder } from '../lib/recorder.mjs';

const LIMIT_KIB = 4096;
const SIDE_BY_SIDE = 16;
const CALLS_AT_MOST = 30_000;

export async function diskSuite({ programs, work, check }) {
  const recorder = await startRecorder();
  const wrap = ['bash', '-c', `trap '' XFSZ; ulimit -f ${LIMIT_KIB}; exec "$@"`, 'doorward'];
  const installation = await startInstallation({ programs, work, upstreams: { recorder: { url: recorder.url } }, wrap });
  const url = `${installation.publicUrl}/recorder/mcp`;
  const { accessToken } = await tokensFor(url, { user: 'alice', idp: 'op' });
  let answered = 0;
  let refusal = null;

  await check('calls go on until the disk is full, then they are refused with 503', async () => {
    const lane = async () => {
      while (refusal === null && answered < CALLS_AT_MOST) {
        const { status, text } = await call(url, accessToken);
        if (status === 200) answered += 1;
        else refusal ??= { status, text };
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    if (refusal?.status !== 503 || !/audit\./.test(refusal.text)) throw new Error(`after ${answered} calls: ${JSON.stringify(refusal)}`);
    return `after ${answered} calls`;
  });
  await check('nothing is forwarded while nothing can be recorded', async () => {
    recorder.received.length = 0;
    const statuses = [];
    for (let count = 0; count < 20; count += 1) statuses.push((await call(url, accessToken)).status);
    if (statuses.includes(200) || recorder.received.some((request) => request.includes('tools/call'))) {
      throw new Error(`answers ${statuses}; forwarded ${recorder.received.length}`);
    }
  });
  await check('every call that was answered is recorded', async () => {
    const lines = await auditTrail(installation);
    const recorded = lines.filter((event) => event.kind === 'call' && event.name === 'probe' && event.decision === 'permit').length;
    if (recorded < answered) throw new Error(`${answered} answered, ${recorded} recorded`);
    return `${recorded} recorded`;
  });
  recorder.stop();
}

async function call(url, token) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'probe', arguments: {} } });
  const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(20_000) });
  return { status: response.status, text: await response.text() };
}
