import { Chat, Hydrated } from "../client";
import { others } from "../others";

// What a card is paid with: a script, the bank's frame, and the way to the bank and back.
export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>Checkout</h1>
      <Hydrated page="checkout" />
      <Chat src={at("pay", "/pay.js")} />
      <iframe title="bank" src={at("bank", "/frame.html")} width="400" height="225" />
      <form action={at("bank", "/challenge")}>
        <button id="pay">Pay</button>
      </form>
    </>
  );
}
