import { Hydrated } from "../../client";

export default async function Page({ searchParams }) {
  const { paid } = await searchParams;
  return (
    <>
      <h1>Return</h1>
      <Hydrated page="return" />
      <p id="paid">{paid}</p>
    </>
  );
}
