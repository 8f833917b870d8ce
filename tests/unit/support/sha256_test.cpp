#include "compiler/support/sha256.h"

#include <string>

#include <gtest/gtest.h>

namespace policyc {
namespace {

// The examples published with FIPS 180-4.
TEST(Sha256, PublishedExamples) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

struct LengthCase {
  std::size_t length;
  const char* digest;
};

// Runs of `a` around the lengths where padding needs another block.
constexpr LengthCase kLengths[] = {
    {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
    {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
    {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
    {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
    {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
    {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
    {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
    {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
    {1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
};

TEST(Sha256, OfPartsIsThatOfTheWhole) {
  const Digest digest = sha256({"a", "", "b", std::string("c")});
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[31], 0xad);
  EXPECT_EQ(digest, sha256({"abc"}));
  EXPECT_NE(digest, sha256({"acb"}));
  EXPECT_EQ(sha256({}), sha256({""}));
}

TEST(Sha256, EveryPaddingLength) {
  for (const LengthCase& test : kLengths)
    EXPECT_EQ(sha256_hex(std::string(test.length, 'a')), test.digest) << test.length;
}

TEST(Sha256, BytesAboveAscii) {
  EXPECT_EQ(sha256_hex(std::string("\x00\xff\x80", 3)),
            "f742b965f156c10374bc23aea96e3a8aff8facd6fc079defeaa30219ad86f211");
}

TEST(Sha256, PartsGiveWhatTheWholeGives) {
  const std::string text(1000, 'a');
  for (const std::size_t cut : {0U, 1U, 63U, 64U, 65U, 500U, 1000U}) {
    Sha256 hash;
    hash.update(text.substr(0, cut));
    const Sha256 half = hash;
    hash.update(text.substr(cut));
    EXPECT_EQ(hash.hex(), sha256_hex(text)) << cut;
    EXPECT_EQ(hash.hex(), sha256_hex(text)) << "reading it changes nothing";
    EXPECT_EQ(half.hex(), sha256_hex(text.substr(0, cut))) << "a copy is on its own";
  }
}

}  // namespace
}  // namespace policyc
