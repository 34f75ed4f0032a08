// The lesson that somebody picks is kept in this tab until it is paid for, or let go.
'use strict';
const key = 'platform.booking';

function kept() {
  try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
}

function keep(booking) {
  try {
    if (booking) sessionStorage.setItem(key, JSON.stringify(booking));
    else sessionStorage.removeItem(key);
  } catch { /* storage is blocked: the link with the lesson in it works without */ }
}

const id = b => [b.teacher, b.day, b.hour].join('-');

// On the page of lessons: show which one is picked.
const picked = document.querySelector('[data-picked]');
function show() {
  const booking = kept();
  for (const hour of document.querySelectorAll('.hour')) {
    const on = booking && id(booking) === id(hour.dataset);
    hour.toggleAttribute('aria-current', on);
    if (on) hour.setAttribute('aria-current', 'true');
  }
  const hour = document.querySelector('.hour[aria-current]');
  for (const old of picked.querySelectorAll('p')) old.remove();
  if (!hour) return;
  const body = picked.querySelector('template').content.cloneNode(true);
  body.querySelector('span').textContent = hour.dataset.says;
  body.querySelector('a').href = hour.href;
  body.querySelector('button').addEventListener('click', () => { keep(null); show(); hour.focus(); });
  picked.append(body);
}
if (picked) {
  for (const hour of document.querySelectorAll('.hour')) hour.addEventListener('click', event => {
    const {teacher, day, hour: at} = hour.dataset;
    keep({teacher, day, hour: at});
    if (!kept()) return;
    event.preventDefault();
    show();
    picked.scrollIntoView({block: 'nearest'});
  });
  show();
}

// On the payment page, opened without a lesson: the one that is picked. On the page after
// it: nothing is kept any more.
if (document.querySelector('[data-none]') && kept()) location.replace('/checkout?lesson=' + encodeURIComponent(id(kept())));
if (document.querySelector('[data-paid]')) keep(null);
