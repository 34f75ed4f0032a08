// Sets a cookie that nobody has declared, and says which cookies it was sent.
export async function GET(request) {
  const headers = { "Set-Cookie": "stray=1; Path=/; Max-Age=86400", "Cache-Control": "no-store" };
  return Response.json(request.cookies.getAll().map((c) => c.name), { headers });
}
