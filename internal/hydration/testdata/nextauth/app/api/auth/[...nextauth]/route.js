import NextAuth from "next-auth";
import Credentials from "next-auth/providers/credentials";

// Whoever knows the word is let in; nothing is kept.
const handler = NextAuth({
  session: { strategy: "jwt", maxAge: 30 * 24 * 60 * 60 },
  providers: [
    Credentials({
      name: "a word",
      credentials: { email: { label: "Email", autoComplete: "username" }, word: { label: "Word", type: "password", autoComplete: "current-password" } },
      authorize: async ({ email, word }) => (word === "sesame" ? { id: email, email } : null),
    }),
  ],
});

export { handler as GET, handler as POST };
