// Verifies receipts of Témoin (temoin-receipt/1) with WebCrypto alone: nothing is
// fetched, nothing is stored. The formats are those of docs/receipts.md. It shares no
// code with the program, and agrees with it on testdata/receipts.json beside it.

const RECEIPT = 'temoin-receipt/1', RECORD = 'temoin-record/1';
const MAX_RECEIPT = 1 << 20, MAX_RECORD = 1 << 16, MAX_NOTE = 1 << 17, MAX_SIGNATURES = 100, MAX_SIZE = 2 ** 48;

// What a receipt holds, to the letter: 's' text, 'b' yes or no, 'n' whole number,
// [x] a list of x, '?' behind a name: it may be missing.
const SHAPE = {
  format: 's', salt: 's', record: '*', 'log?': { index: 'n', proof: ['s'], checkpoint: 's' },
};
const RECORD_SHAPE = {
  action: 's', answers: [{ allow: 'b', category: 's', in_use: 'b', scope: 's' }], code: 's',
  controller: { 'country?': 's', name: 's', 'siren?': 's' }, ends: 's', exceptions: [{ allow: 'b', service: 's' }],
  format: 's', id: 's', 'imported?': 's', jurisdictions: ['s'], language: 's', notice: 's',
  policy: { hash: 's', version: 's' }, 'replaces?': 's', scope: 's', signals: { gpc: 'b' }, site: 's', state: 's',
  time: 's', withdraw: 's',
};

// Why a receipt, or what is known of its log, is refused.
class Refused extends Error {
  constructor(reason) { super(reason); this.reason = reason; }
}
const must = (ok, reason) => { if (!ok) throw new Refused(reason); };

const isObject = v => typeof v === 'object' && v !== null && !Array.isArray(v);

function fits(shape, v) {
  if (shape === '*') return v !== undefined;
  if (shape === 's') return typeof v === 'string';
  if (shape === 'b') return typeof v === 'boolean';
  if (shape === 'n') return Number.isInteger(v);
  if (Array.isArray(shape)) return Array.isArray(v) && v.every(e => fits(shape[0], e));
  if (!isObject(v)) return false;
  let known = 0;
  for (const [key, inner] of Object.entries(shape)) {
    const name = key.replace('?', '');
    if (!Object.hasOwn(v, name)) {
      if (key === name) return false;
    } else if (!fits(inner, v[name]) || key !== name && v[name] === '') {
      return false;
    } else {
      known++;
    }
  }
  return known === Object.keys(v).length;
}

// plain refuses what readers of the text may read otherwise: a name that stands twice
// in an object, of which some see the first value, and an index that is not written
// in digits. The text is JSON.
function plain(text) {
  const open = [];
  let last;
  for (const [t] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const within = open.at(-1);
    if (t === '{' || t === '[') {
      open.push({ names: new Set() });
    } else if (t === '}' || t === ']') {
      open.pop();
    } else if (t === ':') {
      within.name = JSON.parse(last);
      if (within.names.has(within.name)) return false;
      within.names.add(within.name);
    } else if (last === ':' && open.length === 2 && open[0].name === 'log' && within.name === 'index' && !/^-?[0-9]+$/.test(t)) {
      return false;
    }
    last = t;
  }
  return true;
}

// --- Bytes -----------------------------------------------------------------------

const bytes = text => new TextEncoder().encode(text);
const join = (...parts) => new Uint8Array(parts.flatMap(p => [...p]));
const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));

// Standard base64 with padding, in the one way that there is to write it.
function base64(text, size, reason) {
  try {
    const raw = atob(text);
    if (btoa(raw) === text && (size === undefined || raw.length === size)) return Uint8Array.from(raw, c => c.charCodeAt(0));
  } catch { /* below */ }
  throw new Refused(reason);
}

// RFC 8785, for what a record is made of.
function canonical(v) {
  if (Array.isArray(v)) return '[' + v.map(canonical).join(',') + ']';
  if (isObject(v)) return '{' + Object.keys(v).sort().map(k => JSON.stringify(k) + ':' + canonical(v[k])).join(',') + '}';
  return JSON.stringify(v);
}

// --- Keys: <name>+<id>+<base64 of the kind and 32 bytes> -----------------------------

const LOG = 1, WITNESS = 4;
const nameIs = name => name !== '' && bytes(name).length <= 255 && !/[\p{White_Space}\p{Cc}+]/u.test(name);
const hex = b => Array.from(b, x => x.toString(16).padStart(2, '0')).join('');
const importKey = raw => crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);

async function parseKey(text) {
  const [name, id, ...rest] = text.split('+');
  must(nameIs(name) && rest.length > 0, 'key');
  const raw = base64(rest.join('+'), 33, 'key');
  must(raw[0] === LOG || raw[0] === WITNESS, 'key');
  must(id === hex((await sha256(bytes(name + '\n'), raw)).slice(0, 4)), 'key');
  return { name, id, kind: raw[0], text, key: await importKey(raw.slice(1)) };
}

// Keys stand one on a line; empty lines and those that begin with # say nothing.
async function parseKeys(text) {
  const lines = [...new Set(text.split('\n').map(l => l.trim()).filter(l => l && !l.startsWith('#')))];
  must(lines.length <= 64, 'key');
  const keys = await Promise.all(lines.map(parseKey));
  must(keys.some(k => k.kind === LOG), 'nokey');
  return keys;
}

// Browsers without Ed25519, and pages without a secure origin, cannot verify.
export async function supported() {
  try {
    await importKey(new Uint8Array(32).fill(1, 0, 1));
    return true;
  } catch {
    return false;
  }
}

// --- The checkpoint: a signed note of three lines ------------------------------------

async function open(note, all) {
  must(bytes(note).length <= MAX_NOTE, 'checkpoint');
  const origin = note.split('\n', 1)[0];
  const keys = all.filter(k => k.kind === WITNESS || k.name === origin);
  must(keys.some(k => k.kind === LOG), 'origin');
  const split = note.lastIndexOf('\n\n');
  must(split >= 0 && note.endsWith('\n') && note.length > split + 2 && !/[\0-\t\v-\x1f]/.test(note), 'checkpoint');
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split('\n');
  must(lines.length <= MAX_SIGNATURES, 'checkpoint');

  const signedBy = [], witnessed = [], unchecked = [], known = [];
  for (const line of lines) {
    const [, name, b64] = /^— ([^ ]*) (.*)$/.exec(line) ?? [];
    must(name && !/[\p{White_Space}+]/u.test(name) && /^[A-Za-z0-9+/]+={0,2}$/.test(b64) && b64.length % 4 === 0, 'checkpoint');
    const raw = Uint8Array.from(atob(b64), c => c.charCodeAt(0));
    must(raw.length >= 5, 'checkpoint');
    const key = keys.find(k => k.name === name && k.id === hex(raw.slice(0, 4)));
    if (!key) { // passed over, as c2sp.org/signed-note demands
      unchecked.push(name);
      continue;
    }
    let message = bytes(text), signature = raw.slice(4);
    if (key.kind === WITNESS) { // c2sp.org/tlog-cosignature
      must(signature.length === 72, 'signature');
      const time = Number(new DataView(signature.buffer).getBigUint64(0));
      must(time > 0 && time <= 253402300799, 'signature');
      message = bytes(`cosignature/v1\ntime ${time}\n${text}`);
      signature = signature.slice(8);
      witnessed.push({ name, time: new Date(time * 1000) });
    } else {
      signedBy.push(key.text);
    }
    must(await crypto.subtle.verify('Ed25519', key.key, signature, message), 'signature');
    known.push({ key, b64 });
  }
  must(known.length > 0, 'unsigned');
  must(new Set(known.map(k => k.key)).size === known.length && new Set(lines).size === lines.length, 'signature');
  const body = /^[^\n]+\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n$/.exec(text);
  must(body && Number(body[1]) <= MAX_SIZE, 'checkpoint');
  const root = base64(body[2], 32, 'checkpoint');
  for (const k of known) base64(k.b64, undefined, 'checkpoint');
  must(signedBy.length > 0, 'unsigned');
  return { origin, size: Number(body[1]), root, signedBy, witnessed, unchecked };
}

// --- The proof: RFC 9162, section 2.1.3.2 -----------------------------------------------

// Division, not shifts: an index can have more than 32 bits.
async function leads(proof, index, size, leaf, root) {
  if (index < 0 || index >= size) return false;
  const half = n => Math.floor(n / 2);
  let f = index, s = size - 1, r = leaf;
  for (const p of proof) {
    if (s === 0) return false;
    if (f % 2 === 1 || f === s) {
      r = await sha256([1], p, r);
      while (f % 2 === 0 && f !== 0) [f, s] = [half(f), half(s)];
    } else {
      r = await sha256([1], r, p);
    }
    [f, s] = [half(f), half(s)];
  }
  return s === 0 && equal(r, root);
}

// --- All of it ----------------------------------------------------------------------------

async function prove(text, keyText) {
  must(await supported(), 'unsupported');
  const keys = await parseKeys(keyText);
  must(bytes(text).length <= MAX_RECEIPT, 'unreadable');
  let receipt;
  try {
    receipt = JSON.parse(text);
  } catch {
    throw new Refused('unreadable');
  }
  must(isObject(receipt) && typeof receipt.format === 'string' && receipt.format !== '', 'unreadable');
  must(receipt.format === RECEIPT, 'format');
  if (isObject(receipt.log) && receipt.log.proof === null) receipt.log.proof = [];
  must(fits(SHAPE, receipt) && plain(text), 'unreadable');
  const { record, log } = receipt;
  must(!isObject(record) || record.format === RECORD, 'format');
  must(fits(RECORD_SHAPE, record), 'record');
  const committed = bytes(canonical(record));
  must(committed.length <= MAX_RECORD, 'record');
  const salt = base64(receipt.salt, 16, 'salt');
  must(log, 'pending');
  const checkpoint = await open(log.checkpoint, keys);
  const proof = log.proof.map(h => base64(h, 32, 'proof'));
  const leaf = await sha256([0], await sha256(salt, committed));
  must(await leads(proof, log.index, checkpoint.size, leaf, checkpoint.root), 'proof');
  return { ok: true, record, index: log.index, ...checkpoint };
}

// verify says whether a receipt's text is verified by keys, a text with one on each
// line: {ok: true, record, index, size, …} or {ok: false, reason}. It does not throw.
export async function verify(text, keys) {
  try {
    return await prove(text, keys);
  } catch (e) {
    if (e instanceof Refused) return { ok: false, reason: e.reason };
    throw e;
  }
}
