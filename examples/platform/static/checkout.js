// The card form is Stripe's: what is typed into it does not pass through this site.
'use strict';
const form = document.querySelector('#pay');
const back = location.origin + '/paid';

function mount() {
  if (typeof Stripe !== 'function') return null;
  const stripe = Stripe('pk_test_platform');
  const card = stripe.elements({locale: document.documentElement.lang}).create('card');
  card.mount('#card');
  return {stripe, card};
}

function say(text, busy) {
  document.querySelector('#said').textContent = text;
  form.querySelector('button').disabled = busy;
}

// A bank that asks its customer leads there and back by itself.
async function pay({stripe, card}) {
  const {error, paymentIntent} = await stripe.confirmCardPayment(form.dataset.secret, {payment_method: {card}, return_url: back});
  if (error) throw error;
  if (paymentIntent.status === 'succeeded')
    location.assign(back + '?' + new URLSearchParams({payment_intent: paymentIntent.id, redirect_status: 'succeeded'}));
}

if (form) {
  const stripe = mount();
  form.addEventListener('submit', event => {
    event.preventDefault();
    if (!stripe) return say(form.dataset.away, false);
    say(form.dataset.wait, true);
    pay(stripe).catch(error => say(error.message || form.dataset.refused, false));
  });
}
