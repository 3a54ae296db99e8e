# Runs a kernel program (program.ts) and nothing else; uses no stack, so children made with CLONE_VM can run
# it too.
# A step is 12 words:  0 number  8 indirect  16..56 arguments  64 store  72 negative  80 zero  88 positive
#   number    of the system call; negative: argument 0 minus argument 1
#   indirect  bit n set: argument n is the address of the value
#   store     where the result goes, or 0
#   negative, zero, positive  the step to go on with after such a result; 0: the one at word 16 of the data
#                             after a negative one, else the next
# The data segment starts with: 0 the last step with a negative result, 8 that result, 16 the step that
# failures go to, 24 the first step.

        .set    data, 0x200000

        .globl  _start
_start: mov     $data, %r12d
        lea     24(%r12), %rbx

step:   mov     16(%rbx), %rdi
        testb   $1, 8(%rbx)
        jz      1f
        mov     (%rdi), %rdi
1:      mov     24(%rbx), %rsi
        testb   $2, 8(%rbx)
        jz      2f
        mov     (%rsi), %rsi
2:      mov     32(%rbx), %rdx
        testb   $4, 8(%rbx)
        jz      3f
        mov     (%rdx), %rdx
3:      mov     40(%rbx), %r10
        testb   $8, 8(%rbx)
        jz      4f
        mov     (%r10), %r10
4:      mov     48(%rbx), %r8
        testb   $16, 8(%rbx)
        jz      5f
        mov     (%r8), %r8
5:      mov     56(%rbx), %r9
        testb   $32, 8(%rbx)
        jz      6f
        mov     (%r9), %r9
6:      mov     (%rbx), %rax
        test    %rax, %rax
        js      subtract
        syscall
result: mov     64(%rbx), %rcx
        test    %rcx, %rcx
        jz      1f
        mov     %rax, (%rcx)
1:      lea     96(%rbx), %rdx
        mov     88(%rbx), %rcx
        test    %rax, %rax
        js      negative
        jnz     next
        mov     80(%rbx), %rcx
        jmp     next
negative:
        mov     %rbx, (%r12)
        mov     %rax, 8(%r12)
        mov     16(%r12), %rdx
        mov     72(%rbx), %rcx
next:   mov     %rcx, %rbx
        test    %rbx, %rbx
        jnz     step
        mov     %rdx, %rbx
        jmp     step
subtract:
        mov     %rdi, %rax
        sub     %rsi, %rax
        jmp     result
