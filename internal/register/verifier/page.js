// --- The page around it: words, a form, the result -----------------------------------------

const LANGUAGES = ['en', 'fr', 'ar'];
const lang = Math.max(0, LANGUAGES.indexOf(document.documentElement.lang.slice(0, 2)));
const WORDS = {
  title: ['Check a receipt', 'Vérifier un reçu', 'التحقق من إيصال'],
  intro: [
    'This page says whether a receipt of your cookie choice is genuine, and what it proves. Nothing leaves it: it works without a network.',
    'Cette page dit si le reçu de votre choix de cookies est authentique, et ce qu’il prouve. Rien n’en sort : elle fonctionne sans réseau.',
    'تقول لك هذه الصفحة هل إيصال اختيارك لملفات تعريف الارتباط أصلي، وماذا يثبت. لا يخرج منها شيء: فهي تعمل دون شبكة.'],
  file: ['File of the receipt', 'Fichier du reçu', 'ملف الإيصال'],
  drop: ['or drop it anywhere on this page', 'ou déposez-le n’importe où sur cette page', 'أو أفلته في أي مكان من هذه الصفحة'],
  receipt: ['Text of the receipt', 'Texte du reçu', 'نص الإيصال'],
  keys: ['Public keys of the log, one on each line', 'Clés publiques du journal, une par ligne', 'المفاتيح العامة للسجل، مفتاح في كل سطر'],
  trust: [
    'The site publishes them below /.temoin/log/. A copy from elsewhere (an archive, a witness) is worth more.',
    'Le site les publie sous /.temoin/log/. Une copie venue d’ailleurs (une archive, un témoin) vaut davantage.',
    'ينشرها الموقع تحت \u2066/.temoin/log/\u2069. ونسخة من مصدر آخر (أرشيف أو شاهد) أوثق.'],
  check: ['Check', 'Vérifier', 'تحقق'],
  yes: ['Verified', 'Vérifié', 'تم التحقق'],
  no: ['Not verified', 'Non vérifié', 'لم يتم التحقق'],
  chosen: ['What was chosen', 'Ce qui a été choisi', 'ما الذي اختير'],
  allowed: ['allowed', 'autorisé', 'مسموح'],
  refused: ['not allowed', 'non autorisé', 'غير مسموح'],
  service: ['service', 'service', 'خدمة'],
  preference: ['a preference for later, and no consent', 'une préférence pour plus tard, pas un consentement', 'تفضيل لوقت لاحق، وليس موافقة'],
  when: ['When', 'Quand', 'متى'],
  until: ['Until', 'Jusqu’au', 'حتى'],
  site: ['Site', 'Site', 'الموقع'],
  policy: ['Policy', 'Politique', 'السياسة'],
  notice: ['Notice (SHA-256)', 'Bandeau (SHA-256)', 'الإشعار (SHA-256)'],
  log: ['Log', 'Journal', 'السجل'],
  entry: ['Entry (from 0), of', 'Entrée (à partir de 0), sur', 'القيد (من 0)، من'],
  witnesses: ['Witnesses', 'Témoins', 'الشهود'],
  shows: ['What this shows', 'Ce que cela montre', 'ما الذي يثبته هذا'],
  is: [
    'The record is in the signed log, unchanged. No third party can have altered it.',
    'L’enregistrement est dans le journal signé, inchangé. Aucun tiers n’a pu le modifier.',
    'القيد موجود في السجل الموقّع دون تغيير. ولا يمكن أن يكون طرف ثالث قد عدّله.'],
  seen: [
    'A witness whose key was given has seen this log: the operator cannot have it sign another one in its place.',
    'Un témoin dont la clé est donnée a vu ce journal : l’exploitant ne peut pas lui en faire signer un autre à sa place.',
    'رأى هذا السجلَ شاهدٌ أُعطي مفتاحه: فلا يستطيع المشغّل أن يحصل على توقيعه لسجل آخر مكانه.'],
  not: ['What it does not show', 'Ce que cela ne montre pas', 'ما الذي لا يثبته'],
  operator: [
    'That the operator, who holds the key, has not made another log or another time: no witness whose key was given has seen this one.',
    'Que l’exploitant, qui détient la clé, n’a pas fabriqué un autre journal ou une autre heure : aucun témoin dont la clé est donnée n’a vu celui-ci.',
    'أن المشغّل، وهو صاحب المفتاح، لم يصنع سجلا آخر أو وقتا آخر: فلم يره شاهد أُعطي مفتاحه.'],
  clock: [
    'The exact time: it is the operator’s clock. A witness only says by when the record was there.',
    'L’heure exacte : c’est l’horloge de l’exploitant. Un témoin dit seulement quand l’enregistrement était déjà là.',
    'الوقت الدقيق: فهو من ساعة المشغّل. والشاهد يقول فقط متى كان القيد موجودا.'],
  who: [
    'Who chose (a record names nobody), and whether the site kept to the choice.',
    'Qui a choisi (un enregistrement ne nomme personne), ni si le site a respecté ce choix.',
    'من الذي اختار (فالقيد لا يسمّي أحدا)، وهل التزم الموقع بالاختيار.'],
  unsupported: [
    'This browser cannot check Ed25519 signatures, or the page was not opened over https. Use a newer browser, or: temoin verify.',
    'Ce navigateur ne sait pas vérifier les signatures Ed25519, ou la page n’est pas ouverte en https. Prenez un navigateur plus récent, ou : temoin verify.',
    'لا يستطيع هذا المتصفح التحقق من توقيعات Ed25519، أو لم تُفتح الصفحة عبر https. استعمل متصفحا أحدث أو الأمر \u2066temoin verify\u2069.'],
  key: ['A line of the keys is no public key.', 'Une ligne des clés n’est pas une clé publique.', 'أحد أسطر المفاتيح ليس مفتاحا عاما.'],
  nokey: [
    'Give a public key of the log: the site publishes it below /.temoin/log/.',
    'Donnez une clé publique du journal : le site la publie sous /.temoin/log/.',
    'أعط مفتاحا عاما للسجل: ينشره الموقع تحت \u2066/.temoin/log/\u2069.'],
  unreadable: [
    'This is no receipt, or not a whole one. Download it again.',
    'Ce n’est pas un reçu, ou il n’est pas entier. Téléchargez-le à nouveau.',
    'هذا ليس إيصالا، أو ليس كاملا. نزّله من جديد.'],
  format: [
    'The receipt is of a format that this page does not know.',
    'Le reçu est d’un format que cette page ne connaît pas.',
    'صيغة الإيصال غير معروفة لهذه الصفحة.'],
  record: [
    'The record does not have exactly the fields of a record: it was changed.',
    'L’enregistrement n’a pas exactement les champs attendus : il a été modifié.',
    'ليست للقيد الحقول المنتظرة بالضبط: لقد غُيّر.'],
  salt: ['The salt was changed.', 'Le sel a été modifié.', 'غُيّر الملح.'],
  pending: [
    'The receipt has no proof yet: there is nothing to verify. The proof follows within seconds of the choice; download the receipt again.',
    'Le reçu n’a pas encore de preuve : il n’y a rien à vérifier. La preuve suit le choix de quelques secondes ; téléchargez à nouveau le reçu.',
    'لا إثبات في الإيصال بعد، فلا شيء يمكن التحقق منه. يأتي الإثبات بعد الاختيار بثوان؛ نزّل الإيصال من جديد.'],
  origin: [
    'The receipt is of a log that none of the keys belongs to.',
    'Le reçu vient d’un journal auquel aucune des clés n’appartient.',
    'الإيصال من سجل لا ينتمي إليه أي من المفاتيح.'],
  unsigned: [
    'None of the keys has signed the log’s state. Either the key was replaced and a newer one is needed, or it is a forgery.',
    'Aucune des clés n’a signé l’état du journal. Soit la clé a été remplacée et il en faut une plus récente, soit c’est un faux.',
    'لم يوقّع أي من المفاتيح حالة السجل. إما أن المفتاح استُبدل ويلزم مفتاح أحدث، وإما أن الإيصال مزوّر.'],
  signature: [
    'A signature is wrong: the signed state of the log was changed.',
    'Une signature est fausse : l’état signé du journal a été modifié.',
    'أحد التوقيعات خاطئ: لقد غُيّرت حالة السجل الموقّعة.'],
  checkpoint: [
    'The signed state of the log cannot be read: it was damaged.',
    'L’état signé du journal est illisible : il a été abîmé.',
    'لا يمكن قراءة حالة السجل الموقّعة: لقد تلفت.'],
  proof: [
    'The record is not in the signed log as it stands here: the record, its salt, its place or the proof was changed.',
    'L’enregistrement n’est pas dans le journal signé tel qu’il est ici : l’enregistrement, son sel, sa place ou la preuve a été modifié.',
    'القيد كما هو هنا غير موجود في السجل الموقّع: غُيّر القيد أو ملحه أو موضعه أو الإثبات.'],
};
const say = key => WORDS[key][lang];

const $ = id => document.getElementById(id);
for (const e of document.querySelectorAll('[data-say]')) e.textContent = say(e.dataset.say);
document.title = say('title');

// element makes an element; texts become text, never markup.
function element(tag, ...children) {
  const e = document.createElement(tag);
  e.append(...children);
  return e;
}

// What a record holds is isolated from the direction of the words around it.
const code = text => Object.assign(element('code', String(text)), { dir: 'ltr' });

function moment(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return [code(text)];
  const words = new Intl.DateTimeFormat(LANGUAGES[lang], { dateStyle: 'full', timeStyle: 'long', timeZone: 'UTC' });
  return [words.format(at), element('br'), code(text)];
}

function period(from, to) {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / 86400000);
  return Number.isNaN(days) ? '' : ' (' + new Intl.NumberFormat(LANGUAGES[lang], { style: 'unit', unit: 'day', unitDisplay: 'long' }).format(days) + ')';
}

const list = items => element('ul', ...items.map(i => element('li', ...[i].flat())));
const answer = allow => say(allow ? 'allowed' : 'refused');

function verified(v) {
  const r = v.record, facts = [
    ['when', ...moment(r.time)],
    ['until', ...moment(r.ends), period(r.time, r.ends)],
    ['site', code(r.site), ' ', element('bdi', r.controller.name)],
    ['policy', code(r.policy.version), ' ', code(r.policy.hash)],
    ['notice', code(r.notice)],
    ['log', code(v.origin)],
    ['entry', code(`${v.index} / ${v.size}`)],
  ];
  if (v.witnessed.length > 0) facts.push(['witnesses', ...v.witnessed.flatMap(w => [code(`${w.name} ${w.time.toISOString()}`), element('br')])]);
  const chosen = [
    ...r.answers.map(a => [code(a.category), ': ', answer(a.allow), ...a.in_use ? [] : [' (', say('preference'), ')']]),
    ...r.exceptions.map(x => [say('service'), ' ', code(x.service), ': ', answer(x.allow)]),
  ];
  const seen = v.witnessed.length > 0;
  return [
    element('h3', say('chosen')), list(chosen),
    element('dl', ...facts.map(([name, ...value]) => element('div', element('dt', say(name)), element('dd', ...value)))),
    element('h3', say('shows')), list([say('is'), ...seen ? [say('seen')] : []]),
    element('h3', say('not')), list([...seen ? [] : [say('operator')], say('clock'), say('who')]),
  ];
}

async function check() {
  const v = await verify($('receipt').value, $('keys').value);
  const section = element('section', element('h2', say(v.ok ? 'yes' : 'no')), ...v.ok ? verified(v) : [element('p', say(v.reason))]);
  section.className = v.ok ? 'good' : 'bad';
  section.dataset.outcome = v.ok ? 'verified' : v.reason;
  $('result').replaceChildren(section);
}

async function take(file) {
  if (!file) return;
  try {
    $('receipt').value = file.size > MAX_RECEIPT ? '' : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
  } catch {
    $('receipt').value = '';
  }
  await check();
}

$('form').addEventListener('submit', e => { e.preventDefault(); check(); });
$('file').addEventListener('change', e => take(e.target.files[0]));
for (const type of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(type, e => {
    if (!e.dataTransfer?.types.includes('Files')) return;
    e.preventDefault();
    document.body.classList.toggle('over', type === 'dragover');
    if (type === 'drop') take(e.dataTransfer.files[0]);
  });
}
