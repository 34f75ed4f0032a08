// Where the bank sends the browser back to, with a form of its own.
export async function POST() {
  return new Response(null, { status: 303, headers: { Location: "/checkout/return?paid=yes" } });
}
