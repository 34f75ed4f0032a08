// The card is typed into a frame of Stripe's; this site never sees its number.
const form = document.getElementById('pay');
const place = document.getElementById('card');
const problem = document.getElementById('pay-problem');

function failed() {
  problem.textContent = place.dataset.failed;
  problem.hidden = false;
}

if (window.Stripe) {
  const stripe = Stripe('pk_test_cexro');
  const card = stripe.elements().create('card');
  card.mount('#card');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      const answer = await stripe.createPaymentMethod({type: 'card', card});
      answer.error ? failed() : form.submit();
    } catch {
      failed();
    }
  });
} else {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    failed();
  });
}
